"""ROS messages <-> arrays and scenes. Beside the nodes the only place that imports ROS, lazily."""

"""ROS 2 nodes: thin; parameters, quality of service, lifecycle and threads. No maths."""

"""Data sets, metrics, reports and pictures. Imports neither ROS nor torch."""

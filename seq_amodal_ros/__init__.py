"""Sequential amodal segmentation for ROS 2: every object whole, sorted into occlusion layers."""

# CMake's generated messages live in a package of the same name; this merges both on one path, so
# that running from the source tree still finds `seq_amodal_ros.msg`. The installed package has
# an empty __init__.py, so nothing here may be needed at run time.
__path__ = __import__('pkgutil').extend_path(__path__, __name__)

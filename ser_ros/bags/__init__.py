"""Bags of rosbag2: made, recorded, read back, with what is true of their sound. Knows no ROS.

`reading.open_bag` is the way in; the messages come as `records`, which the core understands.
"""

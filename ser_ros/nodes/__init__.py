"""The ROS nodes: doorways. They unpack a message, make one call into the core, and publish."""

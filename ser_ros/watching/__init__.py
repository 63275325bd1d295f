"""Watching the nodes in a terminal: what they said, what is shown of it, and where it is written.

It knows nothing of ROS: plain values come in, with the time at which they came.
"""

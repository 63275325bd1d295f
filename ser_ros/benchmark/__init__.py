"""How fast it is, how much memory it takes, and how that compares with the usual way.

    windows of real speech ─▶ contestants, each its own process ─▶ rounds ─▶ pool ─▶ report

A contestant is a way to judge a window (ours, on one of the runtimes, or the usual one), or a node
on a real ROS graph. Other programs slow a machine down for seconds at a time, so contestants take
turns, round after round, and what they measured is pooled; they are compared by their medians.

`viewers` is another measurement: what those who look at the page cost the robot.
"""

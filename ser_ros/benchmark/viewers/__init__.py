"""What those who look at the page cost the robot: the second measurement of `benchmark`.

Blocks without and with viewers take turns, for other programs slow a machine down at times.

    nodes (a graph) + audience (viewers, a process) ─▶ blocks ─▶ cost (figures and tables)
"""

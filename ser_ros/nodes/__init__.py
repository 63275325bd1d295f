"""The ROS nodes: doorways. They unpack a message, make one call into the core, and publish."""

import os

# Before numpy is loaded: a node keeps to the threads it was given, and a pool of BLAS threads would
# cost it tens of megabytes for matrices that one thread multiplies in half a millisecond.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""ser_ros: a robot's sense of how the voice in front of it sounds."""

from pkgutil import extend_path

# The messages (`ser_ros.msg`) are generated into the install space; the sources may stand first on
# the path. Both are one package.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"

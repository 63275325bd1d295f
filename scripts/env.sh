# Source this in bash or zsh, from any folder: `. scripts/env.sh`. It gives a shell in which
# ser_ros, its messages and ROS 2 are found. SER_ROS_DISTRO chooses jazzy (default) or kilted.
# (A plain sh does not tell a sourced file where it lies.)
# shellcheck shell=bash disable=SC1090,SC1091

_ser_ros_env() {
  local root=$1 shell=$2 distro venv name entry kept rest

  distro=${SER_ROS_DISTRO:-}
  # Set up with a ROS that was sourced: without a wish, it is that one again.
  if [ -z "$distro" ] && [ -d "$root/install/${ROS_DISTRO:-none}" ]; then distro=$ROS_DISTRO; fi
  distro=${distro:-jazzy}
  venv=$root/.venv
  if [ "$distro" = kilted ]; then venv=$root/.venv-kilted; fi
  if [ ! -f "$venv/.stamps/build" ] || [ ! -f "$root/install/$distro/local_setup.$shell" ]; then
    echo "env.sh: ser_ros is not set up for ROS 2 $distro here. Run $root/scripts/setup first." >&2
    return 1
  fi

  # What an earlier env.sh, of this copy or another, put into the paths would shadow this one.
  if [ -n "${SER_ROS_ENV:-}" ]; then
    for name in PATH PYTHONPATH AMENT_PREFIX_PATH COLCON_PREFIX_PATH CMAKE_PREFIX_PATH \
      LD_LIBRARY_PATH PKG_CONFIG_PATH; do
      eval "rest=\${$name:-}:"
      kept=
      while [ -n "$rest" ]; do
        entry=${rest%%:*}
        rest=${rest#*:}
        case $entry in
          '' | "$SER_ROS_ENV" | "$SER_ROS_ENV"/.venv* | "$SER_ROS_ENV"/install/*) ;;
          *) kept=$kept${kept:+:}$entry ;;
        esac
      done
      if [ -n "$kept" ]; then export "$name=$kept"; else unset "$name"; fi
    done
  fi

  . "$venv/bin/activate"
  if [ -f "$venv/.stamps/sourced" ]; then
    . "$root/install/$distro/setup.$shell" # brings the ROS that it was built with
  else
    # A ROS of another Python would come before the wheels.
    if [ -n "${ROS_DISTRO:-}" ]; then
      unset ROS_DISTRO PYTHONPATH AMENT_PREFIX_PATH COLCON_PREFIX_PATH CMAKE_PREFIX_PATH
    fi
    export AMENT_PREFIX_PATH="$venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
    # A Python of the wheels leaves this to its children, as a sign that LD_LIBRARY_PATH is set; it
    # is not, for this environment.
    unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
    . "$root/install/$distro/local_setup.$shell"
  fi
  # The source tree first: an edit works at once, and `python -m ser_ros` from any folder.
  export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
  export SER_ROS_ENV="$root"
}

# colcon's scripts read variables that may not be set, and run commands that may fail.
_ser_ros_options=$(set +o)
case $- in *e*) _ser_ros_options="$_ser_ros_options; set -e" ;; esac
set +eu
if [ -n "${BASH_VERSION:-}" ]; then
  _ser_ros_env "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)" bash
elif [ -n "${ZSH_VERSION:-}" ]; then
  eval '_ser_ros_env "${${(%):-%x}:A:h:h}" zsh'
else
  echo "env.sh: source this in bash or zsh." >&2
  false
fi
_ser_ros_status=$?
eval "$_ser_ros_options"
unset -f _ser_ros_env
unset _ser_ros_options
if [ "$_ser_ros_status" -eq 0 ]; then
  unset _ser_ros_status
else
  unset _ser_ros_status
  return 1
fi

"""Bring up speech emotion recognition: `ros2 launch ser_ros ser.launch.py`.

`ros2 launch ser_ros ser.launch.py --show-args` lists the arguments. Everything else is a parameter:
copy config/ser.yaml, change it, and give it as `params_file:=`.
"""

from pathlib import Path

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

RESPAWN_DELAY_S = 2.0

ARGUMENTS = {
    "source": ("", "Where sound comes from, microphone or file; empty: what params_file says."),
    "device": ("", "Index or unique part of the name of the microphone; empty: as params_file."),
    "files": ("", "Files to play if source is file, as a YAML list; empty: as params_file."),
    "model": ("", "Name of a carried model bundle or path of one; empty: as params_file."),
    "baseline": ("", "What is taken out of a voice: none, enroll, running; empty: as params_file."),
    "voice": ("", "Name of the kept voice to listen to at first; empty: as params_file."),
    "params_file": (
        PathJoinSubstitution([FindPackageShare("ser_ros"), "config", "ser.yaml"]),
        "YAML file of parameters.",
    ),
    "namespace": ("", "Namespace of all nodes and topics."),
    "nodes": (
        "capture,inference",
        "Which to start of capture, inference, behavior, dashboard.",
    ),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "respawn": ("true", "Whether a node that ended is started again, after 2 s."),
    "use_sim_time": ("", "Whether to take the time from /clock; empty: as params_file."),
}

PARAMETERS = {
    "capture": ("source", "device", "files", "use_sim_time"),
    "inference": ("model", "baseline", "voice", "use_sim_time"),
    "behavior": ("use_sim_time",),
    "dashboard": ("model", "use_sim_time"),
}
"""The nodes, and the launch arguments that are parameters of theirs."""


def _truth(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes", "on")


READ = {"files": yaml.safe_load, "use_sim_time": _truth}
"""How those are read that are no words."""


def _params_file(told: str) -> str:
    """Return its path. Of one that is not there launch would only warn, and start the defaults."""
    path = Path(told).expanduser()
    if not path.is_file():
        raise RuntimeError(f"params_file is '{told}', expected the path of a YAML file; check it.")
    return str(path)


def _nodes(context: LaunchContext) -> list[Node]:
    told = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    wanted = [name.strip() for name in told["nodes"].split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(PARAMETERS))
    if unknown or not wanted:
        raise RuntimeError(
            f"nodes is '{told['nodes']}', expected some of {', '.join(PARAMETERS)}, with commas."
        )
    params_file = _params_file(told["params_file"])
    nodes = []
    for name in wanted:
        own = {key: READ.get(key, str)(told[key]) for key in PARAMETERS[name] if told[key]}
        nodes.append(
            Node(
                package="ser_ros",
                executable=name,
                name=name,
                namespace=told["namespace"],
                parameters=[params_file, own],
                ros_arguments=["--log-level", told["log_level"]],
                output="screen",
                emulate_tty=True,
                respawn=_truth(told["respawn"]),
                respawn_delay=RESPAWN_DELAY_S,
            )
        )
    return nodes


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in ARGUMENTS.items()
            ),
            OpaqueFunction(function=_nodes),
        ]
    )

"""Bring up speech emotion recognition: `ros2 launch ser_ros ser.launch.py`.

`ros2 launch ser_ros ser.launch.py --show-args` lists the arguments. Everything else is a parameter:
copy config/ser.yaml, change it, and give it as `params_file:=`.
"""

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
    "use_sim_time": ("false", "Whether to take the time from /clock."),
}

PARAMETERS = {
    "capture": ("source", "device", "files"),
    "inference": ("model", "baseline", "voice"),
    "behavior": (),
    "dashboard": ("model",),
}
"""The nodes, and the launch arguments that are parameters of theirs."""


def _truth(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes", "on")


def _nodes(context: LaunchContext) -> list[Node]:
    told = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    wanted = [name.strip() for name in told["nodes"].split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(PARAMETERS))
    if unknown or not wanted:
        raise RuntimeError(
            f"nodes is '{told['nodes']}', expected some of {', '.join(PARAMETERS)}, with commas."
        )
    nodes = []
    for name in wanted:
        own: dict[str, object] = {key: told[key] for key in PARAMETERS[name] if told[key]}
        if "files" in own:
            own["files"] = yaml.safe_load(told["files"])
        own["use_sim_time"] = _truth(told["use_sim_time"])
        nodes.append(
            Node(
                package="ser_ros",
                executable=name,
                name=name,
                namespace=told["namespace"],
                parameters=[told["params_file"], own],
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

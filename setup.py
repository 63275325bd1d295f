"""For `pip install` on a machine without ROS: prediction, training, evaluation, no nodes.

On a robot the package is built by colcon, from CMakeLists.txt and package.xml.
"""

from setuptools import find_packages, setup

setup(
    name="ser_ros",
    version="0.1.0",  # as in package.xml and ser_ros/__init__.py
    description="Speech emotion recognition for robots, on ROS 2",
    license="Apache-2.0",
    python_requires=">=3.11",
    # Models, recordings and messages lie beside the package in the sources, and within it once
    # installed; ser_ros.carried looks in both places.
    packages=[
        *find_packages(include=["ser_ros", "ser_ros.*"]),
        "ser_ros.definitions.audio_common_msgs",
        "ser_ros.definitions.ser_ros",
        "ser_ros.models",
        "ser_ros.recordings",
    ],
    package_dir={
        "ser_ros.definitions.audio_common_msgs": "interfaces/audio_common_msgs/msg",
        "ser_ros.definitions.ser_ros": "msg",
        "ser_ros.models": "models",
        "ser_ros.recordings": "recordings",
    },
    package_data={
        "ser_ros.definitions.audio_common_msgs": ["*.msg"],
        "ser_ros.definitions.ser_ros": ["*.msg"],
        "ser_ros.models": ["**/*"],
        "ser_ros.recordings": ["*"],
        "ser_ros.report": ["page.css", "page.html"],
        "ser_ros.web": ["page/*", "page/lang/*"],
    },
    install_requires=[
        "numpy>=1.26",
        "onnxruntime>=1.20",
        "pyyaml>=6.0",
        "rich>=13.0",
        "soundfile>=0.12.1",
        "soxr>=0.5.0",
    ],
    extras_require={
        # Inner parts of rosbags end a chunk early and read a cut-off file, hence the upper bound.
        "bags": [
            "apsw>=3.46",
            "backports.zstd>=1.0; python_version < '3.14'",
            "lz4>=4.3",
            "rosbags>=0.11.9,<0.12",
        ],
        "microphone": ["sounddevice>=0.5"],
        "dask": ["distributed>=2024.1"],
        "openvino": ["openvino>=2025.0"],
        "web": [
            "aiohttp>=3.10",
            "av>=14.0",
            "cryptography>=42",
            "ifaddr>=0.2",
            "segno>=1.6",
        ],
        "train": [
            "audiomentations>=0.43",
            "jinja2>=3.1",
            "librosa>=0.11",
            "matplotlib>=3.9",
            "onnx>=1.18",
            "onnxscript>=0.5",
            "pillow>=11",
            "pyroomacoustics>=0.10",
            "scikit-learn>=1.5",
            "scipy>=1.13",
            "tensorboard>=2.20",
            "threadpoolctl>=3",
            # The two fit together only in pairs.
            "torch==2.13.0",
            "torchvision==0.28.0",
        ],
        "test": [
            "axe-playwright-python>=0.1.8",
            "distributed>=2024.1",
            "hypothesis>=6",
            "mypy>=2",
            "playwright>=1.50",
            "pytest-timeout>=2.3",
            "pytest>=8",
            "ruff>=0.15",
            "types-PyYAML",
        ],
    },
    entry_points={"console_scripts": ["ser_ros = ser_ros.__main__:main"]},
    zip_safe=False,
)

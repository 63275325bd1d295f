"""The page in the browser: how a voice sounds, for people rather than programs.

aiohttp serves it: files, uploads and WebSockets in one package, in one process and on one event
loop, where Starlette would need uvicorn, python-multipart and a WebSocket library beside it. The
page itself (`page/`) is plain HTML, CSS and JavaScript, for a robot is offline and builds nothing.

Nothing here knows ROS: what the running nodes say is put into the `Hub` from outside.
"""

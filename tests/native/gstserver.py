"""An RTSP camera made of GStreamer, for tests: other people's code on the sending side.

usage: gstserver.py PIPELINE
Prints the port on 127.0.0.1 that it listens on, serves rtsp://127.0.0.1:PORT/cam, ends with its standard input.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(sys.argv[1])
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)

loop = GLib.MainLoop()


def ended(channel, condition):
    loop.quit()
    return False


GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.IO_HUP | GLib.IO_ERR, ended)
loop.run()

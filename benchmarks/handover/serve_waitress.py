"""Has waitress serve on the sockets that systemd gave."""

import waitress
from wsgi import app

from systemd_handler import listen_sockets

waitress.serve(app, sockets=listen_sockets())

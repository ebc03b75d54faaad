"""What the bot talks to, in the place of the messenger's servers: somebody asks once for order 1."""

import http.server
import json
import socket

from systemd_handler import listen_sockets

ME = {"id": 1, "is_bot": True, "first_name": "Orders", "username": "orders_bot"}
CHAT = {"id": 2, "type": "private", "first_name": "Ada"}
QUESTION = {
    "message_id": 3,
    "date": 1700000000,
    "chat": CHAT,
    "from": {"id": 2, "is_bot": False, "first_name": "Ada"},
    "text": "/order 1",
    "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
}


class Messenger(http.server.BaseHTTPRequestHandler):
    asked = False

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        method = self.path.rpartition("/")[2]
        result = True
        if method == "getMe":
            result = ME
        elif method == "getUpdates":
            result = [] if Messenger.asked else [{"update_id": 4, "message": QUESTION}]
            Messenger.asked = True
        elif method == "sendMessage":
            print(f"the bot says {said}")
            result = {**QUESTION, "text": "answered", "entities": []}
        answer = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), Messenger, bind_and_activate=False)
        self.socket.close()
        listener.setblocking(False)
        self.socket = listener


Server(*listen_sockets()).serve_forever()

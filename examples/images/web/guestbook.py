"""The front end of the guestbook: entries are kept in PostgreSQL, visits are counted in redis.

Where they are comes from the environment: REDIS_HOST and PostgreSQL's own PGHOST, PGUSER, PGPASSWORD and PGDATABASE.
GREETING is the page's headline. `/healthz` says that the server lives, `/readyz` that it reaches both.
"""

import html
import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import parse_qs

import psycopg2
import redis

TIMEOUT_SECONDS = 3
BODY_BYTES_MAX = 16 * 1024

visits = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"), socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
)


def query(statement, values=(), fetch=True):
    """One statement in a transaction of its own."""
    connection = psycopg2.connect("", connect_timeout=TIMEOUT_SECONDS)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS entries (id serial PRIMARY KEY, message text NOT NULL)")
            cursor.execute(statement, values)
            return cursor.fetchall() if fetch else []
    finally:
        connection.close()


def entries():
    return [message for (message,) in query("SELECT message FROM entries ORDER BY id DESC LIMIT 100")]


def page():
    items = "".join(f"<li>{html.escape(message)}</li>" for message in entries())
    return f"""<!doctype html><meta charset="utf-8"><title>Guestbook</title>
<h1>{html.escape(os.environ.get("GREETING", "Guestbook"))}</h1>
<form method="post" action="/entries"><input name="message" autofocus><button>Sign</button></form>
<ul>{items}</ul>
<p>Visit {visits.incr("visits")}, answered by {socket.gethostname()}.</p>
"""


class Guestbook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            if self.path == "/healthz":
                self.answer(200, "ok\n")
            elif self.path == "/readyz":
                visits.ping()
                entries()
                self.answer(200, "ok\n")
            elif self.path == "/entries":
                self.answer(200, json.dumps(entries()) + "\n", "application/json")
            elif self.path == "/":
                self.answer(200, page(), "text/html; charset=utf-8")
            else:
                self.answer(404, "not found\n")
        except (redis.RedisError, psycopg2.Error) as error:
            self.answer(503, f"{error}\n")

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if self.path != "/entries" or length > BODY_BYTES_MAX:
            self.close_connection = True
            self.answer(404 if self.path != "/entries" else 413, "refused\n")
            return
        message = parse_qs(self.rfile.read(length).decode("utf-8", "replace")).get("message", [""])[0]
        if not message:
            self.answer(400, "expected a form with a message, found none\n")
            return
        try:
            query("INSERT INTO entries (message) VALUES (%s)", (message,), fetch=False)
            self.answer(303, "", headers={"Location": "/"})
        except psycopg2.Error as error:
            self.answer(503, f"{error}\n")

    def answer(self, status, text, content_type="text/plain; charset=utf-8", headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    def server_bind(self):
        """Without asking DNS for the server's own name, which nobody needs and a start should not wait for."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("", 8080), Guestbook).serve_forever()

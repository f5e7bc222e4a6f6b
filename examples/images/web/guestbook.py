"""The front end of the guestbook: entries are kept in PostgreSQL, visits and the newest entry in redis.

Where they are comes from the environment: REDIS_HOST and PostgreSQL's own PGHOST, PGUSER, PGPASSWORD and PGDATABASE.
FACTS_URL, when it is set, tells of the machine; ACCESS_LOG is the file requests are written to, standard output when it
is not set; SETTINGS is a folder of files that are read anew for each page: `greeting`, `theme.css`. The table of
entries is somebody else's to make. `/healthz` says that the server lives, `/readyz` that it reaches both stores.
"""

import html
import json
import os
import signal
import socket
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from urllib.parse import parse_qs

import psycopg2
import redis

TIMEOUT_SECONDS = 3
BODY_BYTES_MAX = 16 * 1024
ENTRIES_MAX = 100

stores_lost = (redis.RedisError, psycopg2.Error)
cache = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"),
    socket_timeout=TIMEOUT_SECONDS,
    socket_connect_timeout=TIMEOUT_SECONDS,
    decode_responses=True,
)


def query(statement, values=()):
    """One statement in a transaction of its own. Returns its rows, when it has any."""
    connection = psycopg2.connect("", connect_timeout=TIMEOUT_SECONDS)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def entries():
    rows = query("SELECT message, to_char(signed, 'YYYY-MM-DD HH24:MI') FROM entries ORDER BY id DESC LIMIT %s", (ENTRIES_MAX,))
    return [{"message": message, "signed": signed} for message, signed in rows]


def sign(message):
    query("INSERT INTO entries (message) VALUES (%s)", (message,))
    cache.set("newest", message)


def setting(name, otherwise=""):
    path = Path(os.environ.get("SETTINGS", "/etc/guestbook"), name)
    return path.read_text().strip() if path.is_file() else otherwise


def facts():
    """What is known of the machine; a guestbook does not fail for want of it."""
    if "FACTS_URL" not in os.environ:
        return "an unknown machine"
    try:
        with urllib.request.urlopen(os.environ["FACTS_URL"], timeout=TIMEOUT_SECONDS) as answer:
            return answer.read(BODY_BYTES_MAX).decode("utf-8", "replace").strip()
    except OSError as error:
        return f"a machine that does not answer ({error})"


def page():
    items = "".join(
        f"<li><q>{html.escape(entry['message'])}</q><time>{html.escape(entry['signed'])}</time></li>" for entry in entries()
    )
    visits, newest, counted = cache.incr("visits"), cache.get("newest") or "nothing yet", cache.get("counted") or "not yet"
    told = {
        "Visits": visits,
        "Newest entry": newest,
        "Entries, counted every minute": counted,
        "Answered by pod": socket.gethostname(),
        "On": facts(),
    }
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in told.items())
    greeting = html.escape(setting("greeting", "Guestbook"))
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{greeting}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{setting("theme.css")}</style>
<main><h1>{greeting}</h1>
<form method="post" action="/entries"><input name="message" maxlength="200" required autofocus
placeholder="Leave a message" aria-label="Message"><button>Sign</button></form>
<ul>{items or "<li><q>Be the first to sign.</q></li>"}</ul>
<dl>{rows}</dl></main></html>
"""


class Guestbook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            if self.path == "/healthz":
                self.answer(200, "ok\n")
            elif self.path == "/readyz":
                cache.ping()
                query("SELECT 1 FROM entries LIMIT 1")
                self.answer(200, "ok\n")
            elif self.path == "/entries":
                found = {"entries": entries(), "newest": cache.get("newest")}
                self.answer(200, json.dumps(found) + "\n", "application/json")
            elif self.path == "/":
                self.answer(200, page(), "text/html; charset=utf-8")
            else:
                self.answer(404, "not found\n")
        except stores_lost as error:
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
            sign(message)
            self.answer(303, "", headers={"Location": "/"})
        except stores_lost as error:
            self.answer(503, f"{error}\n")

    def answer(self, status, text, content_type="text/plain; charset=utf-8", headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Without what the probes ask every few seconds."""
        if self.path not in ("/healthz", "/readyz"):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            access_log.write(f"{stamp} {self.address_string()} {format % args}\n")


class Server(ThreadingHTTPServer):
    def server_bind(self):
        """Without asking DNS for the server's own name, which nobody needs and a start should not wait for."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


access_log = open(os.environ["ACCESS_LOG"], "a", buffering=1) if "ACCESS_LOG" in os.environ else sys.stdout
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("", 8080), Guestbook).serve_forever()

"""Who asks who is signed in, and who is asked instead: Apache with mod_auth_openidc, and nginx before it or before Usher."""

import contextlib
import http.client
import os
import secrets
import subprocess
import time
import urllib.parse

import servers


class Apache:
    """Apache with mod_auth_openidc, to which the directory is the provider."""

    MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "rewrite", "auth_openidc"]

    def __init__(self, folder, site, port):
        at = servers.CACHE / "debian" / "apache2-bin"
        lines = [f"LoadModule {it}_module {at}/usr/lib/apache2/modules/mod_{it}.so" for it in self.MODULES]
        lines += [
            f"ServerRoot {folder}",
            "ServerName 127.0.0.1",
            f"Listen 127.0.0.1:{port}",
            f"PidFile {folder}/apache.pid",
            f"ErrorLog {folder}/apache.log",
            *(["User nobody", "Group nogroup"] if os.getuid() == 0 else []),
            "MaxKeepAliveRequests 0",
            # No process ends while it is measured, which would close connections.
            *("StartServers 2", "ServerLimit 2", "ThreadsPerChild 64", "MaxRequestWorkers 128", "MaxSpareThreads 128"),
            f"OIDCProviderMetadataURL {site.url}/.well-known/openid-configuration",
            "OIDCClientID apache",
            f"OIDCClientSecret {site.secret}",
            f"OIDCRedirectURI http://127.0.0.1:{port}/callback",
            f"OIDCCryptoPassphrase {secrets.token_hex(16)}",
            "OIDCScope openid",
            "OIDCPKCEMethod S256",
            "<Location />",
            "AuthType openid-connect",
            "Require valid-user",
            # What is behind it answers without a file.
            "RewriteEngine On",
            "RewriteCond %{REQUEST_URI} ^/page$",
            "RewriteRule .* - [R=204,L]",
            "</Location>",
        ]
        (folder / "apache.conf").write_text("\n".join(lines) + "\n")
        self.port, self.log = port, folder / "apache.log"
        self.process = subprocess.Popen([servers.CACHE / "bin" / "apache2-bin", "-DFOREGROUND", "-f", folder / "apache.conf"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, path, cookie):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Cookie": cookie, "Accept": "text/html"})
        answer = connection.getresponse()
        cookies = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie") or ()]
        return answer.status, answer.headers.get("Location", ""), cookies

    def sign_in(self, browser):
        """The cookie of who is signed in at the directory with `browser`."""
        for _ in range(100):
            with contextlib.suppress(OSError):
                status, location, cookies = self.ask("/page", "")
                break
            time.sleep(0.1)
        url = urllib.parse.urlsplit(location)
        _, headers, text = browser.ask("GET", f"{url.path}?{url.query}")
        back = urllib.parse.urlsplit(headers.get("Location", ""))
        status, _, cookies = self.ask(f"{back.path}?{back.query}", "; ".join(cookies))
        cookie = "; ".join(it for it in cookies if it.startswith("mod_auth_openidc_session"))
        status, *_ = self.ask("/page", cookie)
        if status != 204:
            raise SystemExit(f"Apache lets nobody in: {status} {headers.get('Location')} {text[:500]} {self.log.read_text()[-2000:]}")
        return cookie


class Nginx:
    """nginx, which asks `address` at `uri` before it answers."""

    def __init__(self, folder, address, uri, headers):
        self.port, at = servers.free_port(), folder / "nginx"
        at.mkdir(exist_ok=True)
        temporary = (f"{it}_temp_path {at}/{it};" for it in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        lines = [
            "daemon off;",
            *(["user root;"] if os.getuid() == 0 else []),
            f"worker_processes {os.cpu_count()};",
            f"pid {at}/{self.port}.pid;",
            "events {}",
            "http {",
            "access_log off;",
            *temporary,
            "keepalive_requests 100000000;",
            f"upstream asked {{ server {address}; keepalive 128; keepalive_requests 100000000; }}",
            f"server {{ listen 127.0.0.1:{self.port};",
            "location / { auth_request /asked; try_files /none =204; }",
            f"location = /asked {{ internal; proxy_pass http://asked{uri}; proxy_http_version 1.1;",
            'proxy_set_header Connection ""; proxy_pass_request_body off; proxy_set_header Content-Length "";',
            *(f'proxy_set_header {name} "{value}";' for name, value in headers.items()),
            "} } }",
        ]
        file = at / f"{self.port}.conf"
        file.write_text("\n".join(lines) + "\n")
        command = [servers.CACHE / "bin" / "nginx", "-p", at, "-c", file, "-e", at / "error.log"]
        self.process = subprocess.Popen(command)
        try:
            servers.wait_for(f"http://127.0.0.1:{self.port}/")
        except SystemExit:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one test, made by openssl."""

import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    def __init__(self, directory, name="ca"):
        self.directory = directory
        self.key, self.file = directory / f"{name}.key", directory / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", f"/CN=test {name}", "-keyout", self.key, "-out", self.file)  # fmt: skip

    def issue(self, name, alternatives=None):
        """A key and a certificate. `alternatives`: "IP:127.0.0.1,DNS:localhost"."""
        key, request, file = (self.directory / f"{name}{end}" for end in (".key", ".csr", ".pem"))
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key,
                "-out", request)  # fmt: skip
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n" if alternatives else "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", file)  # fmt: skip
        return key, file

"""Certificates: ours, those we trust, and why one is refused. Nothing here knows asyncua, so that
the command line is quick.

- `folder`    `PkiFolder`: the files, laid out as OPC 10000-12 says
- `reading`   certificates and revocation lists from bytes, PEM or DER; names and thumbprints
- `making`    keys, the self-signed application certificate, requests to a plant's CA
- `machine`   names and addresses of this machine, for certificates and discovery
- `own`       `OwnCertificate`: load, make, renew, install
- `refusal`   `CertificateRefused`, the reasons by number, and what a client is told of them
- `chains`    one certificate against what is trusted: chain, validity, use, revocation
- `trust`     `TrustList`: what is trusted now, read anew when the folder changes
- `rejected`  what was refused, kept for a person to look at: bounded in number, size and rate
"""

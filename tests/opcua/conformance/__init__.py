"""One set of questions to our server and to a stock asyncua 2.1 server with the same address space.

=================== ==============================================================================
module              what it is for
=================== ==============================================================================
`space`             the nodes that both servers have, and what a probe answers
`ours`, `stock`     the two servers, open and secured
`probes`            the probes in Python: security, and what node-opcua can't be made to say
`asked`             the whole run: node-opcua's probes (tests/node/conformance) and those in Python
`facets`            the tables of docs/conformance.md, made from a run
`test_probes`       the page says what a run shows
=================== ==============================================================================

`python -m tests.opcua.conformance` prints the tables as a run shows them.
"""

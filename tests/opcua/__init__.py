"""The OPC UA surface."""

"""What the MCP conformance suite prescribes to call: tools, resources and prompts, behind the product's own door."""

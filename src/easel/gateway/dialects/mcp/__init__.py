"""The Model Context Protocol over streamable HTTP at /mcp: agents list models, ask for prices, draw and fetch.

schemas   what a tool takes
shapes    what a tool answers, as structured output
calls     one call: whose key, in which words a failure is told, how progress is reported
looking   tools that look: models, prices, money
drawing   tools that order pictures and wait for them
pictures  pictures as content that fits into an agent's context
server    the tools as the official SDK serves them
door      who may come in; the SDK is imported when the first one does

No session is kept: each request stands alone, so any gateway answers any of them.
"""

"""OpenAI's Images API: an `openai` client changes `base_url` to .../v1 and keeps its code.

schemas     what may be asked
drafts      from a request to orders, and what was done otherwise than asked
answers     the shapes of what is answered
streaming   a picture as it comes, in server-sent events
routes      the paths
"""

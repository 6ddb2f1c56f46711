"""The console: server-rendered pages in Chinese and English, thin over the rooms below.

A view takes the actor, calls selectors and services, and hands plain values to a template; tenancy and
rules are theirs, words and looks are this room's. Every page works without JavaScript; a script (HTMX, as
its Django package ships it) refreshes what is alive. Nothing is loaded from another host.
"""

"""The hotline application: gateway, call, intent, store and web, wired together in `hotline.app`."""

__version__ = "0.1.0"

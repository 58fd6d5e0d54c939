"""A SIP stack (RFC 3261) without sockets or clocks inside, and the thin shells that give it both."""

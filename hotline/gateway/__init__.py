"""Between the wire and `AudioFrame`: SIP, RTP, codecs and the media leg."""

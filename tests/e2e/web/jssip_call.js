// Calls the line with JsSIP; `bye` hangs up.
(address) => {
  const ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(address)], uri: "sip:visitor@visitor.invalid", register: false });
  ua.on("connected", () => {
    const session = window.session = ua.call("sip:12348@127.0.0.1", { mediaConstraints: { audio: true, video: false } });
    for (const each of ["progress", "accepted", "confirmed", "failed", "ended"]) session.on(each, ({ cause }) => window.events.push(cause ? `${each} ${cause}` : each));
    window.listen(session.connection);
  });
  ua.start();
  window.bye = () => session.terminate();
}

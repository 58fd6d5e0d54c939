// Calls the line with SIP.js; `bye` hangs up.
async (address) => {
  const ua = new SIP.UserAgent({ uri: SIP.UserAgent.makeURI("sip:visitor@visitor.invalid"), transportOptions: { server: address }, logLevel: "error" });
  await ua.start();
  const call = new SIP.Inviter(ua, SIP.UserAgent.makeURI("sip:12348@127.0.0.1"), { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } });
  call.stateChange.addListener((state) => window.events.push({ Established: "confirmed", Terminated: "ended" }[state] ?? state));
  call.delegate = { onSessionDescriptionHandler: (handler) => window.listen(handler.peerConnection) };
  await call.invite();
  window.bye = () => call.bye();
}

// Writes down what happens, and how loud the line has been at most.
window.events = []; window.heard = 0;
window.listen = (peer) => peer.addEventListener("track", ({ track }) => {
  const stream = new MediaStream([track]);
  const audio = new Audio(); audio.srcObject = stream; audio.play();
  const context = new AudioContext(), analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  setInterval(() => { analyser.getFloatTimeDomainData(samples); window.heard = Math.max(window.heard, ...samples.map(Math.abs)); }, 20);
});

// The sound of ringing, made by the browser.

const PAUSE_MS = 2400;

export class Ringing {
  #context = null;
  #timer = 0;

  start() {
    if (this.#timer) return;
    this.#context ??= new AudioContext();
    this.#context.resume().catch(() => {});
    this.#once();
    this.#timer = setInterval(() => this.#once(), PAUSE_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  #once() {
    const now = this.#context.currentTime;
    for (const [hertz, at] of [[660, 0], [880, 0.18], [660, 0.36], [880, 0.54]]) {
      const tone = this.#context.createOscillator();
      const loud = this.#context.createGain();
      tone.frequency.value = hertz;
      loud.gain.setValueAtTime(0.0001, now + at);
      loud.gain.exponentialRampToValueAtTime(0.12, now + at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, now + at + 0.17);
      tone.connect(loud).connect(this.#context.destination);
      tone.start(now + at);
      tone.stop(now + at + 0.18);
    }
  }
}

// How loud a stream is, for a meter: 0 is silence, 1 is as loud as speech gets.

const FLOOR_DB = -60;
const TOP_DB = -10;

export class Meter {
  #context;
  #analyser;
  #samples;
  #frame = 0;

  constructor(stream, show) {
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    const look = () => {
      show(this.#level());
      this.#frame = requestAnimationFrame(look);
    };
    look();
  }

  #level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    const decibels = 10 * Math.log10(power + 1e-12);
    return Math.min(1, Math.max(0, (decibels - FLOOR_DB) / (TOP_DB - FLOOR_DB)));
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#context.close();
  }
}

/** The time as the page shows it: moves twice a second, so that ages count without every component owning a timer. */
export class Clock {
  nowMs = $state(Date.now());

  start(): () => void {
    const timer = setInterval(() => {
      if (!document.hidden) this.nowMs = Date.now();
    }, 500);
    return () => clearInterval(timer);
  }
}

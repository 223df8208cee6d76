/** Something that a benchmark needs is not on this machine; the message says what, and how to get it. */
export class CannotRun extends Error {}

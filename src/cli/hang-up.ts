/** The part of `process` that is needed, so that tests can replace it. */
type HangUpSource = {
  on(signal: "SIGHUP", listener: () => void): unknown;
  off(signal: "SIGHUP", listener: () => void): unknown;
};

/** The SIGHUPs that came before the program knew what to do at them. */
export type HeldHangUps = {
  /** Stops holding them. Returns whether one came; after the first call, false. */
  release(): boolean;
};

/**
 * Holds SIGHUPs until they are released. Until a program listens to them they end it, and a gateway reads its modules and settings first, while
 * whoever has changed these may ask for a reload.
 */
export function holdHangUps(source: HangUpSource): HeldHangUps {
  let hasCome = false;
  const note = () => {
    hasCome = true;
  };
  source.on("SIGHUP", note);
  return {
    release() {
      source.off("SIGHUP", note);
      const came = hasCome;
      hasCome = false;
      return came;
    },
  };
}

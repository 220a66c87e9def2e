/** Whether a key sends what is written. Of a phone's keyboard, Enter is the only way to a new line. */
export function isSending({ key, shiftKey, isComposing }: KeyboardEvent): boolean {
  return key === "Enter" && !shiftKey && !isComposing && !matchMedia("(pointer: coarse)").matches;
}

/** Passes a stream on, with each value looked at and each error replaced. Ending it early ends the source. */
export async function* mapStream<Value>(
  source: AsyncIterable<Value>,
  {
    onValue,
    onError,
  }: { readonly onValue?: (value: Value) => void; readonly onError?: (error: unknown) => unknown },
): AsyncGenerator<Value> {
  try {
    for await (const value of source) {
      onValue?.(value);
      yield value;
    }
  } catch (error) {
    throw onError === undefined ? error : onError(error);
  }
}

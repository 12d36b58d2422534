/** What is sought in a text. */
export interface TextToRead {
  readonly text: string;
  readonly wantsIntent: boolean;
  readonly wantsSentiment: boolean;
}

/** By which model texts are read. */
export interface ReadingModel {
  /** Empty: the one that every tenant has. */
  readonly key: string;
  /** Of a tenant's model. */
  readonly version: number;
  /** Undefined: the model's own. */
  readonly threshold: number | undefined;
}

/** What is sought in a text, as bits. */
export const wants = { intent: 1, sentiment: 2 } as const;

/** To the thread. Of each text, what is sought in it. */
export type ReadingRequest =
  | {
      readonly kind: 'read';
      readonly id: number;
      readonly model: ReadingModel;
      readonly texts: readonly string[];
      readonly wants: Uint8Array;
    }
  | { readonly kind: 'model'; readonly key: string; readonly bytes: Uint8Array };

/** From the thread. The bytes are Understanding messages one after the other, of these lengths. */
export type ReadingAnswer =
  | { readonly kind: 'read'; readonly id: number; readonly bytes: Uint8Array; readonly lengths: Uint32Array }
  | { readonly kind: 'missing'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

/** How good a model is on examples that it has not seen. */
export interface ModelQuality {
  /** 0 where there were too few examples to say anything. */
  readonly foldCount: number;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly outOfScopeAuroc?: number | undefined;
  readonly calibrationError: number;
  /** The worst first. */
  readonly intents: readonly {
    readonly intent: string;
    readonly exampleCount: number;
    readonly precision: number;
    readonly recall: number;
    readonly confusedWith?: string | undefined;
  }[];
}

/** A model that was just trained. */
export interface TrainedModel {
  readonly exampleCount: number;
  readonly intents: readonly string[];
  readonly quality: ModelQuality;
  /** 16 hexadecimal digits. */
  readonly contentHash: string;
  readonly bytes: Uint8Array;
}

/** A model as it is kept, without its bytes. */
export interface IntentModelRecord extends Omit<TrainedModel, 'bytes'> {
  readonly version: number;
  readonly isActive: boolean;
  readonly trainedAt: Date;
  readonly byteCount: number;
}

/** A tenant's own model behind HTTP. */
export interface ModelEndpoint {
  readonly url: string;
  /** Undefined: none is sent. */
  readonly bearerToken: string | undefined;
  readonly timeoutMs: number;
  readonly modelVersion: string;
}

/** How a tenant's texts are read. */
export interface LanguageSettings {
  /** 0: by the model that every tenant has. */
  readonly activeVersion: number;
  /** Undefined: the model's own. */
  readonly threshold: number | undefined;
  readonly endpoint: ModelEndpoint | undefined;
}

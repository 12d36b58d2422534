import type { PositionSealer } from '@parley/access';
import type { ProjectionReader } from '@parley/projection';
import type { Now } from '@parley/runtime';

/** What every answer is read and told with. */
export interface AnswerDependencies {
  readonly reader: ProjectionReader;
  readonly positions: PositionSealer;
  readonly now: Now;
}

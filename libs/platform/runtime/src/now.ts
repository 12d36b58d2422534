/** The clock, as an argument: what the time is at the moment of the call. */
export type Now = () => Date;

/** The clock of this machine. Only composition roots take it; everything else is given a {@link Now}. */
export const systemNow: Now = () => new Date();

import { readFileSync } from 'node:fs';
import { outOfScopeLabel } from '@parley/language';
import type { IntentExample } from '@parley/language';
import { commonPhrases, outsidePhrases } from './common-examples.ts';
import { readDataSet } from './data-sets.ts';

/** What intents of data sets are among those that every tenant has; `oos`: none of them. */
const clinc: Readonly<Record<string, readonly string[]>> = {
  greeting: ['greeting'],
  goodbye: ['goodbye'],
  purchase: ['order'],
  order_status: ['order_status'],
  cancel: ['cancel_reservation'],
  feedback: ['thank_you'],
  support: ['account_blocked', 'reset_settings', 'sync_device'],
  smalltalk: (
    'tell_joke are_you_a_bot what_is_your_name who_made_you how_old_are_you where_are_you_from what_are_your_hobbies ' +
    'do_you_have_pets meaning_of_life what_can_i_ask_you who_do_you_work_for'
  ).split(' '),
  [outOfScopeLabel]: (
    'oos weather translate timer definition fun_fact flip_coin roll_dice alarm calculator calendar distance ' +
    'exchange_rate play_music recipe traffic time date spelling measurement_conversion nutrition_info next_song ' +
    'smart_home text make_call calories cook_time mpg tire_pressure vaccines plug_type ingredients_list todo_list ' +
    'shopping_list reminder next_holiday timezone current_location directions gas oil_change_when what_song ' +
    'meeting_schedule find_phone taxes income pto_balance credit_score international_visa carry_on jump_start ' +
    'shopping_list_update todo_list_update reminder_update update_playlist share_location routing gas_type tire_change ' +
    'food_last ingredient_substitution meal_suggestion restaurant_suggestion travel_suggestion travel_alert ' +
    'change_volume change_speed change_accent whisper_mode calendar_update payday w2 last_maintenance'
  ).split(' '),
};
const banking: Readonly<Record<string, readonly string[]>> = {
  refund: ['request_refund', 'Refund_not_showing_up'],
  cancel: ['terminate_account'],
  support: ['passcode_forgotten', 'edit_personal_details', 'pin_blocked', 'card_not_working'],
};
/** For measuring alone. */
const bots: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  curekart: {
    escalate: ['CHAT_WITH_AGENT'],
    order_status: ['ORDER_STATUS', 'DELAY_IN_PARCEL'],
    refund: ['REFUNDS_RETURNS_REPLACEMENTS'],
    cancel: ['CANCEL_ORDER'],
  },
  powerplay11: {
    escalate: ['CHAT_WITH_AN_AGENT'],
    feedback: ['THANKS', 'APPRECIATION', 'FEEDBACK'],
    complaint: ['CRITICISM'],
  },
  sofmattress: {
    order_status: ['ORDER_STATUS', 'DELAY_IN_DELIVERY'],
    refund: ['RETURN_EXCHANGE'],
    cancel: ['CANCEL_ORDER'],
    pricing: ['MATTRESS_COST', 'OFFERS'],
  },
};
/** Of each intent of a data set: the common ones are small too. */
const mostLines = 25;

/** Of comments about anything: what people write that is no business of a bot. */
const commentCount = 800;

/** What the intents that every tenant has are trained on. */
export function readCommonExamples(): readonly IntentExample[] {
  return [
    ...Object.entries(commonPhrases).flatMap(([label, phrases]) => spellOut(label, phrases)),
    ...spellOut(outOfScopeLabel, outsidePhrases),
    ...mapped('clinc_train.jsonl', clinc, mostLines),
    ...mapped('banking77_train.jsonl', banking, mostLines),
    ...readDataSet('sentiment_goemotions_train.jsonl')
      .filter(({ label }) => label === 'neutral')
      .slice(0, commentCount)
      .map(({ text }) => ({ text, label: outOfScopeLabel })),
  ];
}

/**
 * Lines that were written to measure by. The training examples were improved with the errors on `dev` in view; those of
 * `test` were written afterwards, and nothing was changed for them.
 */
export function readCommonEvaluation(part: 'dev' | 'test'): readonly IntentExample[] {
  const file = new URL(`data/common-intents-${part}.json`, import.meta.url);
  const texts = JSON.parse(readFileSync(file, 'utf8')) as Record<string, readonly string[]>;
  return Object.entries(texts).flatMap(([label, some]) => some.map((text) => ({ text, label })));
}

/** Lines of data sets that are not trained on, by what they stand for. */
export function readMappedEvaluation(): Readonly<Record<string, readonly IntentExample[]>> {
  return {
    clinc_val: mapped('clinc_val.jsonl', clinc, Infinity).map(({ text, label }) => ({
      text,
      label: label === outOfScopeLabel ? 'fallback' : label,
    })),
    ...Object.fromEntries(
      Object.entries(bots).map(([bot, mapping]) => [
        `hint3_${bot}`,
        mapped(`hint3_${bot}_train.jsonl`, mapping, Infinity),
      ]),
    ),
  };
}

function mapped(
  file: string,
  mapping: Readonly<Record<string, readonly string[]>>,
  most: number,
): readonly IntentExample[] {
  const labels = new Map(Object.entries(mapping).flatMap(([to, from]) => from.map((label) => [label, to])));
  const counts = new Map<string, number>();
  return readDataSet(file).flatMap(({ text, label: from }) => {
    const label = labels.get(from);
    const count = (counts.get(from) ?? 0) + 1;
    counts.set(from, count);
    return label === undefined || count > most ? [] : [{ text, label }];
  });
}

/** Each choice of a phrase comes up at least once; those of one phrase are one group. */
export function spellOut(label: string, phrases: readonly string[]): readonly IntentExample[] {
  return phrases.flatMap((phrase) => {
    const choices = phrase
      .split(/\{([^}]*)\}/)
      .map((part, index) => (index % 2 === 1 ? part.split('|') : [part]));
    const count = Math.max(...choices.map(({ length }) => length));
    return Array.from({ length: count }, (_, number) => ({
      // The second choice of a phrase turns at another pace, so that the same do not always stand together.
      text: choices.map((some, at) => some[(number * (at > 2 ? 2 : 1) + at) % some.length]).join(''),
      label,
      group: phrase,
    }));
  });
}

import { planted } from './planted.ts';

/** One of the bots. */
export type Bot = (typeof planted.bots)[number];

/** Something that can be bought; prices in cents. */
export interface Sale {
  /** How likely it is bought by a member who is not eager. */
  readonly chance: number;
  readonly least: number;
  readonly most: number;
  readonly page: string;
}

/** What people want from the bots of Marlow & Wren, a coffee roaster that does not exist. */
export interface Topic {
  readonly intent: string;
  readonly bot: Bot;
  /** How often it is talked about. */
  readonly weight: number;
  /** The share of its messages that are negative. */
  readonly annoyance: number;
  readonly neutral: readonly string[];
  readonly positive: readonly string[];
  readonly negative: readonly string[];
  readonly replies: readonly string[];
  /** What can be bought. */
  readonly sale?: Sale;
  /** How likely it is that the question is settled. */
  readonly resolution?: number;
}

export const topics: readonly Topic[] = [
  {
    intent: planted.profitableIntent,
    bot: 'shop',
    weight: 8,
    annoyance: 0.04,
    neutral: [
      'Do you have a coffee subscription I can give as a present?',
      'How does the {months} month gift work?',
      'Can the first parcel arrive on the {day}?',
      'Can I put a card with my own words in it?',
    ],
    positive: [
      'A year of coffee for my sister, she will be over the moon!',
      'What a lovely present, I will take the {months} months.',
      'Perfect, the tasting notes sold me.',
    ],
    negative: ['The gift page keeps losing my text, that is annoying.', 'Gift wrapping costs extra? Really?'],
    replies: [
      'Of course. The {months} month gift ships every four weeks, with a card in your words.',
      'Yes. Choose the day of the first parcel at checkout and we roast it the day before.',
      'Most people take {months} months; your card goes on top of the first bag.',
    ],
    sale: { chance: 0.25, least: 4_800, most: 19_200, page: '/gifts' },
  },
  {
    intent: 'buy_beans',
    bot: 'shop',
    weight: 22,
    annoyance: 0.06,
    neutral: [
      'Which beans go well with a moka pot?',
      'Is the {bean} still in stock?',
      'I need a kilo of {bean}, whole beans.',
      'Do you grind the {bean} for filter?',
      'How fresh is the roast?',
    ],
    positive: [
      'The {bean} was wonderful, the same again please.',
      'Great, then two bags of {bean}.',
      'That sounds delicious!',
    ],
    negative: ['The {bean} tasted flat last time.', 'Shipping is more than the coffee, come on.'],
    replies: [
      'The {bean} is a good match: chocolate first, then a little plum.',
      'Yes, roasted on Tuesday. Shall I put {bean} into your basket?',
      'Happy to grind it for you; just tell me how you brew.',
    ],
    sale: { chance: 0.12, least: 900, most: 3_400, page: '/beans' },
  },
  {
    intent: 'choose_grinder',
    bot: 'shop',
    weight: 9,
    annoyance: 0.08,
    neutral: [
      'Hand grinder or electric for one cup a day?',
      'What is the difference between flat and conical burrs?',
      'Does the small grinder fit under a low shelf?',
    ],
    positive: ['Thank you, now I finally understand burrs.', 'Nice, the small one looks beautiful.'],
    negative: ['None of the pictures show the size, useless.', 'This is far too expensive for a grinder.'],
    replies: [
      'For a cup a day a hand grinder is plenty, and quieter at six in the morning.',
      'The small one is 31 centimetres high with its hopper on.',
      'Conical burrs forgive more, flat ones show more of the bean.',
    ],
    sale: { chance: 0.02, least: 5_900, most: 12_900, page: '/grinders' },
  },
  {
    intent: 'book_tasting',
    bot: 'concierge',
    weight: 13,
    annoyance: 0.05,
    neutral: [
      'Is there a tasting on the {day}?',
      'Can we come with {count} people?',
      'Where is the roastery exactly?',
      'How long does a tasting take?',
    ],
    positive: [
      'Wonderful, we are looking forward to it!',
      'The last tasting was great fun, we will come again.',
    ],
    negative: ['Every evening is fully booked, what a pity.', 'I waited half an hour at the door last time.'],
    replies: [
      'There are {count} seats left on the {day} at seven. Shall I hold them?',
      'We are in the old tram depot, the green door on the left.',
      'Plan for ninety minutes and six coffees.',
    ],
    sale: { chance: 0.14, least: 2_500, most: 5_000, page: '/tastings' },
  },
  {
    intent: 'track_order',
    bot: 'support',
    weight: 20,
    annoyance: 0.22,
    neutral: [
      'Where is order {order}?',
      'When will my parcel arrive?',
      'Has order {order} been shipped yet?',
      'Can I change the address of order {order}?',
    ],
    positive: ['It is here already, thank you!', 'Great, tomorrow is perfect.'],
    negative: [
      'Order {order} should have been here last week.',
      'The courier left my parcel in the rain.',
      'Third delay in a row, this is getting old.',
    ],
    replies: [
      'Order {order} left the roastery this morning and arrives on the {day}.',
      'I have sent the tracking link for {order} to your inbox.',
      'The address of order {order} can be changed until it is packed; I have opened it for you.',
    ],
    resolution: 0.55,
  },
  {
    intent: 'return_item',
    bot: 'support',
    weight: 10,
    annoyance: 0.3,
    neutral: [
      'How do I send something back?',
      'I ordered ground instead of whole beans.',
      'Is there a label for returns?',
    ],
    positive: ['That was easy, thanks.', 'Very kind of you!'],
    negative: [
      'The bag arrived torn open.',
      'The scale was broken when I unpacked it.',
      'Nobody answered my mail about the return.',
    ],
    replies: [
      'The label for {order} is in your inbox; any post office takes it.',
      'I am sorry about that. A new bag leaves tomorrow, keep the other one.',
      'You have thirty days, no reasons needed.',
    ],
    resolution: 0.5,
  },
  {
    intent: 'change_plan',
    bot: 'billing',
    weight: 8,
    annoyance: 0.12,
    neutral: [
      'Can I pause my subscription in {month}?',
      'What does the bigger plan cost?',
      'Move me to two bags a month please.',
    ],
    positive: ['Two bags it is, lovely.', 'Good to know that I can pause, thank you.'],
    negative: ['Why is cancelling hidden so well?', 'I paused this in {month} and still got a parcel.'],
    replies: [
      'Two bags a month are 26; the change starts with the next roast.',
      'Paused for {month}. We will write to you a week before it starts again.',
      'Your plan is changed, the next parcel comes on the {day}.',
    ],
    sale: { chance: 0.09, least: 1_300, most: 2_600, page: '/plans' },
  },
  {
    intent: 'billing_question',
    bot: 'billing',
    weight: 10,
    annoyance: 0.15,
    neutral: [
      'Can you send me the invoice for {order}?',
      'Which card do you have on file?',
      'Is VAT included?',
    ],
    positive: ['Got the invoice, thanks a lot.', 'Perfect, that is all I needed.'],
    negative: ['The total on the invoice for {order} is wrong.', 'I never agreed to a higher price.'],
    replies: [
      'The invoice for {order} is in your inbox.',
      'We have the card ending in {card} on file.',
      'All prices include VAT; the invoice shows it on a line of its own.',
    ],
    resolution: 0.5,
  },
];

/** Opens a billing conversation that hurts. */
export const upsetMessages: readonly string[] = [
  `I was ${planted.upsettingPhrase} for order {order}!`,
  `My card was ${planted.upsettingPhrase}, please fix this now.`,
  `You have ${planted.upsettingPhrase} me for {month}, this is unacceptable.`,
];
export const calmingReplies: readonly string[] = [
  `I see both bookings. One of them is ${planted.calmingPhrase} and arrives within two days.`,
  `That should not have happened. The money is ${planted.calmingPhrase} right now.`,
];
export const coldReplies: readonly string[] = [
  'Bookings can take up to ten working days to appear.',
  'Please fill in the form for complaints and attach your statement.',
];
export const relievedMessages: readonly string[] = [
  'Oh good, thank you for the quick help!',
  'That was fast, you are great.',
];
export const furiousMessages: readonly string[] = [
  'That does not help me at all.',
  'This is ridiculous, I want my money.',
];

export const greetings: readonly string[] = ['Hello', 'Hi there', 'Good morning', 'Hey, anyone here?'];
export const greetingReplies: readonly string[] = [
  'Hello! What can I do for you?',
  'Welcome to Marlow & Wren. How can I help?',
];
export const riddles: readonly string[] = [
  'hmm the thing with the thing',
  'asdf',
  'no the other one',
  'like before but blue',
];
export const lostReplies: readonly string[] = ['Sorry, I did not get that. Could you say it another way?'];
export const cries: readonly string[] = [
  'I want to talk to a human.',
  'Please give me a real person.',
  'Agent!',
];
export const handoverReplies: readonly string[] = [
  'I am connecting you to a colleague.',
  'A colleague will take over in a moment.',
];
export const shrugs: readonly string[] = ['never mind', 'forget it', 'I will look myself'];
export const thanks: readonly string[] = [
  'Thank you so much!',
  'Great, thanks, bye!',
  'That is all, you were very helpful.',
];
export const farewells: readonly string[] = ['You are welcome. Enjoy your coffee!', 'Any time. Bye!'];

/** What the gaps in the texts are filled with. */
export const fillings: Readonly<Record<string, readonly string[]>> = {
  bean: ['Yirgacheffe', 'Huehuetenango', 'house espresso', 'Sumatra', 'decaf'],
  months: ['three', 'six', 'twelve'],
  month: ['March', 'June', 'August', 'December'],
  day: ['3rd', '8th', '14th', '21st', '27th'],
  count: ['two', 'three', 'four', 'six'],
};

/** Where conversations take place. */
export const places = [
  { group: 'web-shop', channel: 'web', weight: 5 },
  { group: 'whatsapp', channel: 'whatsapp', weight: 3 },
  { group: 'telegram', channel: 'telegram', weight: 2 },
] as const;

/** How a bot answers: in at least so many milliseconds, up to so many more, and how often not at all. */
export interface Temper {
  readonly least: number;
  readonly spread: number;
  readonly failure: number;
}

export const tempers: Readonly<Record<Bot, Temper>> = {
  shop: { least: 250, spread: 900, failure: 0.008 },
  concierge: { least: 300, spread: 1_100, failure: 0.01 },
  support: { least: 400, spread: 1_100, failure: 0.012 },
  billing: { least: 1_500, spread: 4_500, failure: 0.06 },
};

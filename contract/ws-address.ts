/** Where `tidegate.v1` is spoken. Apart from the messages, so that clients need no schemas to connect. */
export const WS_SUBPROTOCOL = 'tidegate.v1';
export const WS_PATH = '/v2/ws';

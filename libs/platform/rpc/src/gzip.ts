import { Code, ConnectError } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';

/** Gzip, where data that ends too early is the sender's fault; the library calls it an internal error. */
export const gzip: Compression = {
  ...compressionGzip,
  async decompress(bytes, readMaxBytes) {
    try {
      return await compressionGzip.decompress(bytes, readMaxBytes);
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.Internal) {
        throw new ConnectError('decompression failed', Code.InvalidArgument, undefined, undefined, error);
      }
      throw error;
    }
  },
};

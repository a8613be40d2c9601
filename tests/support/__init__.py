"""What tests share: waiting, peers, samples."""

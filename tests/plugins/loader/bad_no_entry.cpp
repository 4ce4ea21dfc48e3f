// A shared object that has nothing to do with Deneb.
extern "C" __attribute__((visibility("default"))) int deneb_test_answer() { return 42; }

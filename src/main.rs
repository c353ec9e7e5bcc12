//! Thin binary: everything is in the library.

fn main() -> std::process::ExitCode {
    osteomill::cli::main()
}

# The locked packages, each with its hash. Nothing is resolved: newer ones of several packages break the demo.
$Test = '-c "import importlib.metadata as m; m.version(''gradio''); m.version(''transformers'')"'
$Done = { (Invoke-Native $Python $Test 'packages') -eq 0 }
$Do = {
    foreach ($mirror in $Settings.packageMirrors) {
        $code = 0
        foreach ($lock in 'requirements-windows-build.txt', 'requirements-windows.txt') {
            # Without isolation, as pip would fetch unpinned build tools into it.
            if ($code -eq 0) { $code = Invoke-Native $Python "-m pip install --require-hashes --no-deps --no-build-isolation --no-input --disable-pip-version-check --no-warn-script-location --retries 3 --timeout 30 --index-url $mirror -r $Root\guest\$lock" 'packages' 40 }
        }
        if ($code -eq 0) { return }
        "$mirror failed with $code"
    }
    throw 'no package index gave all packages | See the end of the log; set other packageMirrors.'
}
$Check = {
    $code = Invoke-Native $Python '-c "import torch; assert torch.version.cuda, ''this PyTorch has no CUDA''; assert torch.cuda.is_available(), ''no GPU''"' 'packages' 10
    if ($code -ne 0) { throw 'PyTorch does not see the GPU | Look at the step driver; the log tells PyTorch''s own reason.' }
}

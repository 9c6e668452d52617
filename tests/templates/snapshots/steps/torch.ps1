# PyTorch with CUDA, from the wheel itself: every package index has the build without CUDA under the same version.
# Whether it sees the GPU is checked after its dependencies are there, in the step packages.
$Test = '-c "import importlib.metadata as m; assert m.version(''torch'') == ''2.0.1+cu118''"'
$Done = { (Invoke-Native $Python $Test 'torch') -eq 0 }
$Do = {
    Wait-Download 'torch'
    $path = ($Manifest.files | Where-Object { $_.id -eq 'torch' }).path
    $code = Invoke-Native $Python "-m pip install --no-deps --no-index --no-warn-script-location $path" 'torch' 40
    if ($code -ne 0) { throw "pip ended with $code | See the end of the log." }
    Remove-Item $path -Force
}
$Check = { if (-not (& $Done)) { throw 'PyTorch 2.0.1+cu118 is not installed | See the end of the log.' } }

# The CUDA toolkit of PyTorch's build, without its driver: only the parts that are named are installed.
$Toolkit = "$env:ProgramFiles\NVIDIA GPU Computing Toolkit\CUDA\v11.8"
$Done = { Test-Path "$Toolkit\bin\nvcc.exe" }
$Do = {
    Wait-Download 'cuda'
    $path = ($Manifest.files | Where-Object { $_.id -eq 'cuda' }).path
    $parts = 'nvcc', 'cudart', 'cublas', 'cublas_dev', 'nvrtc', 'nvrtc_dev', 'cufft', 'curand', 'cusolver', 'cusparse', 'thrust' | ForEach-Object { "${_}_11.8" }
    $code = Invoke-Native $path "-s -n $parts" 'cuda' 40
    if ($code -notin 0, 1) { throw "the CUDA installer ended with $code | Set gpuToolkit minimal: the demo runs without it." }
    Remove-Item $path -Force
}
$Check = { if (-not (& $Done)) { throw 'nvcc.exe is missing | Set gpuToolkit minimal: the demo runs without it.' } }
